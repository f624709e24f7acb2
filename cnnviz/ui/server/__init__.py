"""What there is once for a server: the engine, jobs, training runs, data sets."""
