"""Which plan: the fastest small one, the least, or the first that fits a budget; and a quick estimate."""
