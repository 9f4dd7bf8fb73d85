/** The whole window takes files: a model or a judge comes in, an image gives its settings back or becomes a start image, a LoRA goes on the model,
 *  preferences of others and a project are looked at on the Data screen. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '../components/Button.tsx';
import { sayWhereItWent } from '../components/cameIn.ts';
import { Dialog } from '../components/Dialog.tsx';
import { recallSettings } from '../components/recallSettings.ts';
import { toast, toastProblem } from '../components/toast.ts';
import type { Brings } from '../../data/importers/importer.ts';
import { fileSource, type Imported, importFrom } from '../../data/importers/table.ts';
import type { Place } from '../../data/preferences/places.ts';
import { droppedPlace, holdsPreferences, isLabelFile, preferencesAmong } from '../store/droppedPlaces.ts';
import { addLabelFile } from '../components/labelFile.ts';
import { type LoraFiles, loraOfFolder, loraSummary, withConfigs } from '../store/loraFiles.ts';
import { droppedFolder, type ModelFiles, singleFile } from '../store/modelFiles.ts';
import { type Recall } from '../store/generateSlice.ts';
import { baseModel } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import { type Dropped, hasFiles, takeDrops } from './drops.ts';
import styles from './shell.module.css';

/** What of a file this window has a use for. */
const uses = ['image', 'weights', 'trainSettings', 'prompts'] as const satisfies readonly Brings[];

export function DropZone() {
  const [over, setOver] = useState(false);
  const [image, setImage] = useState<(Imported<'image'>['value'] & { name: string }) | null>(null);
  const [, navigate] = useLocation();

  useEffect(() => {
    const onOver = (event: DragEvent): void => {
      if (hasFiles(event)) setOver(true);
    };
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = ({ files, entries }: Dropped): void => {
      setOver(false);
      for (const entry of entries) if (entry?.isDirectory) void takeFolder(entry as FileSystemDirectoryEntry);
      void takeAll(files.filter((_, index) => !entries[index]?.isDirectory));
    };
    const onPaste = (event: ClipboardEvent): void => {
      void takeAll([...(event.clipboardData?.files ?? [])]);
    };
    function bringIn(model: ModelFiles): void {
      navigate('/models');
      void sayWhereItWent(model.name, 'model', useStudio.getState().importModel(model));
    }
    /** With what lies beside it: a judge.json or a preprocessor_config.json. */
    function bringJudge(name: string, files: readonly File[]): void {
      navigate('/models');
      void useStudio.getState().importJudge({ name, files: files.map((file) => ({ path: file.name, file })) });
    }
    function bringData(place: Place): void {
      navigate('/data');
      void useStudio.getState().lookAtData(() => [place]);
    }
    async function takeFolder(folder: FileSystemDirectoryEntry): Promise<void> {
      try {
        const place = await droppedPlace(folder);
        if (holdsPreferences(place)) return bringData(place);
        const files = await droppedFolder(folder);
        const lora = await loraOfFolder(files);
        if (lora) await takeLora(lora);
        else bringIn(files);
      } catch (error) {
        toastProblem(error);
      }
    }
    async function takeAll(files: File[]): Promise<void> {
      try {
        const project = files.find(({ name }) => /\.zip$/i.test(name));
        if (project) {
          navigate('/data');
          return await useStudio.getState().openProject(project);
        }
        const [first] = files;
        if (files.length === 1 && (await isLabelFile(first!))) {
          navigate('/data');
          return await addLabelFile(first!);
        }
        const place = await preferencesAmong(files);
        if (place) return bringData(place);
        const onnx = files.find(({ name }) => /\.onnx$/i.test(name));
        if (onnx) return bringJudge(onnx.name.replace(/\.onnx$/i, ''), files);
        const used = new Map<Brings, string>();
        for (const lora of withConfigs(files)) void take(lora, used);
      } catch (error) {
        toastProblem(error);
      }
    }
    async function takeLora(lora: LoraFiles): Promise<void> {
      const { addLora, generateWith } = useStudio.getState();
      const adapter = await addLora(lora);
      const base = baseModel(useStudio.getState());
      if (base) generateWith({ ...base, adapters: [adapter] });
      const added = useStudio.getState().preferences.loras[0]!;
      const { name } = added;
      const summary = loraSummary(added);
      toast(t`LoRA added`, t`${name} is on the model on the Generate screen. ${summary}.`);
      navigate('/generate');
    }
    /** @param used of what there is room for one alone, the file that was taken of those that came together. */
    async function take({ file, config }: LoraFiles, used: Map<Brings, string>): Promise<void> {
      try {
        const brought = await importFrom(fileSource(file), uses);
        const { name } = brought;
        const first = used.get(brought.brings);
        if (first !== undefined) return toast(t`${name} is left aside`, t`${first} is used: bring one at a time.`);
        if (brought.brings !== 'weights') used.set(brought.brings, name);
        switch (brought.brings) {
          case 'image':
            return setImage({ ...brought.value, name: brought.name });
          case 'trainSettings':
            useStudio.getState().setTrainSettings(brought.value);
            return navigate('/train');
          case 'prompts':
            useStudio.getState().setPromptList(
              brought.name,
              brought.value.map(({ prompt }) => prompt),
            );
            return navigate('/generate');
          case 'weights':
            if (!brought.value.adapter) return bringIn(singleFile(file));
            return await takeLora({ file, ...(config && { config }) });
          default:
            return brought satisfies never;
        }
      } catch (error) {
        toastProblem(error);
      }
    }
    const leaveDrops = takeDrops(onDrop);
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('paste', onPaste);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      leaveDrops();
      removeEventListener('paste', onPaste);
    };
  }, [navigate]);

  const recall = (what: Recall): void => {
    recallSettings(image!.parameters!, what);
    setImage(null);
    navigate('/generate');
  };
  const useAsStart = (): void => {
    void useStudio.getState().setInitImage(image!.name, image!.bytes);
    setImage(null);
    navigate('/generate');
  };

  const { prompt, seed, steps } = image?.parameters ?? {};
  return (
    <>
      {over ? (
        <div className={styles.drop} aria-hidden="true">
          <Trans>
            Drop a model folder or file, a LoRA, preference data, a project, an image for its settings, a prompt list,
            or a training config
          </Trans>
        </div>
      ) : null}
      <Dialog title={t`Use this image`} open={image !== null} onClose={() => setImage(null)} size="sm">
        {image ? (
          <div className="stack">
            {image.parameters ? (
              <>
                {prompt ? <p>{t`“${prompt}”`}</p> : null}
                <p className="small dim">
                  {[seed === undefined ? '' : t`seed ${seed}`, steps === undefined ? '' : t`${steps} steps`]
                    .filter(Boolean)
                    .join(' · ')}
                </p>
                <Button look="primary" full onClick={() => recall('all')}>
                  <Trans>Use all its settings</Trans>
                </Button>
                <div className="row">
                  <Button onClick={() => recall('seed')} disabled={seed === undefined}>
                    <Trans>Seed only</Trans>
                  </Button>
                  <Button onClick={() => recall('prompt')} disabled={prompt === undefined}>
                    <Trans>Prompt only</Trans>
                  </Button>
                </div>
              </>
            ) : (
              <p>
                <Trans>
                  No settings that Winnow reads are written in this image. Some sites remove them when they pass an
                  image on.
                </Trans>
              </p>
            )}
            {image.notTaken.map((what) => (
              <p key={what} className="small dim">
                {what}
              </p>
            ))}
            <Button icon="sample" onClick={useAsStart}>
              <Trans>Start from this image (image to image)</Trans>
            </Button>
          </div>
        ) : null}
      </Dialog>
    </>
  );
}
