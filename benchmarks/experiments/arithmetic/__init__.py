"""Whether learned samplers solve more sums than tuned ones, and than the fine-tuned model."""
