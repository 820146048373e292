"""What operators must know, and what keeps watch for them: health, prices, costs, incidents, numbers."""
