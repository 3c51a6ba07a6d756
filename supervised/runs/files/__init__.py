"""The files of a run folder: weights, checkpoint, rules, answers; nothing here knows the folder itself."""
