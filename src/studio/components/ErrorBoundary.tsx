/** Around each screen: a fault there leaves the rest of the studio alone, and says what to do. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Component, type ReactNode } from 'react';
import { problemOf } from '../store/problem.ts';
import { Button } from './Button.tsx';
import { Notice } from './Surface.tsx';

export class ErrorBoundary extends Component<{ children: ReactNode; resetKey: string }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override componentDidUpdate(previous: { resetKey: string }): void {
    if (previous.resetKey !== this.props.resetKey && this.state.error) this.setState({ error: null });
  }

  override render(): ReactNode {
    if (!this.state.error) return this.props.children;
    const problem = problemOf(this.state.error);
    return (
      <div style={{ padding: 24 }}>
        <Notice
          tone="bad"
          title={t`This screen stopped`}
          actions={
            <>
              <Button icon="refresh" onClick={() => this.setState({ error: null })}>
                <Trans>Try again</Trans>
              </Button>
              <Button
                icon="copy"
                onClick={() => navigator.clipboard.writeText(`${problem.message}\n${problem.detail}`)}
              >
                <Trans comment="a button: copies what happened">Copy details</Trans>
              </Button>
            </>
          }
        >
          {problem.message}
        </Notice>
      </div>
    );
  }
}
