"""What benchmarks share: sets, measured processes, rivals, the machine."""
