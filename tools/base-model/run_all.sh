#!/bin/sh
# The whole model from an empty folder, resumable: every stage skips or continues what is already in WORK.
#   tools/base-model/run_all.sh WORK [MODEL_FOLDER]
# Minutes are for 2 cores with bf16; MINUTES_* override them.
set -eu
cd "$(dirname "$0")"
work=$(mkdir -p "$1" && cd "$1" && pwd)
root=$(cd ../.. && pwd)
model=${2:-$root/public/models/postcard}
export OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
python make_data.py "$work" --count "${COUNT:-40000}"
python make_prompts.py "$root/public/prompts"
python make_tokenizer.py "$work"
python classifier.py "$work" --minutes "${MINUTES_CLASSIFIER:-1.5}" --seed 0 --out "$work/classifier-features.pt"
python classifier.py "$work" --minutes "${MINUTES_CLASSIFIER:-1.5}" --seed 1 --out "$work/classifier-judge.pt"
python train_autoencoder.py "$work" --minutes "${MINUTES_AUTOENCODER:-40}"
python train_text.py "$work" --steps "${STEPS_TEXT:-1200}"
python train_unet.py "$work" --minutes "${MINUTES_UNET:-60}"
python train_autoencoder.py "$work" --minutes "${MINUTES_SHARPEN:-12}" --sharpen
python train_scorers.py "$work" --minutes "${MINUTES_SCORER:-3}"
python export.py "$work" "$model"
python check_folder.py "$model"
python evaluate.py "$work" "$model" --sheets "$root/docs/model-card"
python scorer_golden.py "$model" golden
python dpo_check.py "$model" --judge "$work/classifier-judge.pt"
