"""What every answer has: errors, security headers, rate limits."""
