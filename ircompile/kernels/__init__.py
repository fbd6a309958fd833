"""Which kernel computes each node on a target, what it asks of the plan, and its constants as C reads them."""
