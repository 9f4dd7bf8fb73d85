/** A diffusers folder opened: configs parsed, weights mapped, tokenizer ready. Where its files lie is the reader's business. */
