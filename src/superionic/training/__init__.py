"""Training stage: leak-free data sets, verified MACE fine-tuning, errors and learning curves."""
