"""Training data: batches, dataset folders, augmentation."""
