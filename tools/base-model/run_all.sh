#!/bin/sh
# The whole model from an empty folder, resumable: every stage skips or continues what is already in WORK.
#   tools/base-model/run_all.sh WORK [MODEL_FOLDER]
# Starts from checkpoints/*.safetensors where they are there (FRESH=1: from nothing). Minutes are for 2 free cores
# with bf16; MINUTES_* override them. MODEL_FOLDER is WORK/model unless said; public/prompts is written beside a
# model in public/ alone, since it belongs to that model.
set -eu
cd "$(dirname "$0")"
work=$(mkdir -p "$1" && cd "$1" && pwd)
root=$(cd ../.. && pwd)
model=${2:-$work/model}
start() { # the committed checkpoint of a part, unless FRESH or none
  if [ -z "${FRESH:-}" ] && [ -f "checkpoints/$1.safetensors" ]; then echo "--from checkpoints/$1.safetensors"; fi
}
export OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
python make_data.py "$work" --count "${COUNT:-40000}"
python make_tokenizer.py "$work"
python classifier.py "$work" --minutes "${MINUTES_CLASSIFIER:-3}" --seed 0 --out "$work/classifier-features.pt"
python classifier.py "$work" --minutes "${MINUTES_CLASSIFIER:-3}" --seed 1 --out "$work/classifier-judge.pt"
python features.py "$work" --minutes "${MINUTES_FEATURES:-3}" --count "${COUNT_FEATURES:-10000}"
python train_autoencoder.py "$work" --minutes "${MINUTES_AUTOENCODER:-120}" $(start autoencoder)
python train_text.py "$work" --steps "${STEPS_TEXT:-1200}"
python train_unet.py "$work" --minutes "${MINUTES_UNET:-120}" $(start unet)
python train_autoencoder.py "$work" --minutes "${MINUTES_SHARPEN:-20}" --sharpen
python train_scorers.py "$work" --minutes "${MINUTES_SCORER:-7}"
python export.py "$work" "$model"
python check_folder.py "$model"
case $model in
  "$root"/public/*) sheets=$root/docs/model-card golden=golden && python make_prompts.py "$root/public/prompts" ;;
  *) sheets=$work/sheets golden=$work/golden ;;
esac
python evaluate.py "$work" "$model" --sheets "$sheets"
python scorer_golden.py "$model" "$golden"
python dpo_check.py "$model" --judge "$work/classifier-judge.pt"
