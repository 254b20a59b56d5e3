"""What planners know, try and decide: adjustments, overrides, scenarios, order-up-to rules, published plans."""
