"""Questions asked of trained models, whose answers go into results/."""
