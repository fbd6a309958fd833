"""What makes planning faster and changes no plan.

The core calls it in one place each: `shared_rings.known` and `allocate.place_changed`. Measured on Cortex-M4, CPU
seconds of compiling three networks, and of exploring three: 8.6 and 15.1 with both, 10.2 and 19.1 without known
rings, 10.4 and 21.8 without incremental placement, 10.8 and 25.1 without either. What saved less is gone: rows of
steps, peaks of segments and forbidden distances that come again would make that 8.7 and 13.6.
"""
