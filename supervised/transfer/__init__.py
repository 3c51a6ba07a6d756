"""What a model starts from: other runs, models of transformers, adapters."""
