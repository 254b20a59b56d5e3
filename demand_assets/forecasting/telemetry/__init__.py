"""What operators and engineers see the product by: log lines, traces, the settings that ask for them."""
