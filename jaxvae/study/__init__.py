"""Studies: grids of training runs over hyper-parameters and seeds."""
