/** How the embedded model was made, as docs/model-card.md tells it. */
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import card from '../../../../docs/model-card.md?raw';
import styles from './settings.module.css';

const pictures = import.meta.glob<string>('../../../../docs/model-card/*', {
  query: '?url',
  import: 'default',
  eager: true,
});
const pictureAt = (path: string): string | undefined => pictures[`../../../../docs/${path}`];

const components: Components = {
  img: ({ src, alt }) => <img src={pictureAt(String(src))} alt={alt ?? ''} loading="lazy" />,
  // Links go to files of the repository, which are not here.
  a: ({ href, children }) => (/^https?:/.test(href ?? '') ? <a href={href}>{children}</a> : children),
};

export function ModelCard() {
  return (
    <div className={styles.card}>
      <Markdown remarkPlugins={[remarkGfm]} components={components}>
        {card}
      </Markdown>
    </div>
  );
}
