"""What each column holds: the period, region, item and demand; drivers, attributes, stock, prices and costs."""
