"""What an engineer starts on the command line: batch training, and the first training of `make run`."""
