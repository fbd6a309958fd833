"""Every tuned number of planning: what it does, and what was measured when it was chosen.

None of them changes what a plan computes. They trade bytes of the arena, time of planning and executed instructions
against each other.

"Measured" is on nine default plans for Cortex-M4: of mcunet_vww_tinyengine, mlperf_vww_96_int8, tflm_person_detect
and mlperf_ic_resnet8_int8 in both input modes, and of mnv3s_035_ppocr_cls_qdq_sym with its input stored. With the
numbers below their arenas have 167,324 bytes in all, and planning them takes 10.2 CPU seconds. A setting without
"Measured" was taken over from the first version that worked.
"""

# Partition: where to cut the graph into segments

ESTIMATE_SHARE = 0.6
"""Share of its estimated bytes that a segment counts with until it is fired.

An estimate must not be above what firing gives, or a segment that is better than its estimate is never fired.
"""
FIRING_OVERHEAD = 100
"""Steps that firing one segment counts for besides its own.

Measured: firing takes as long as 250 to 950 steps, and 30 to 230 more for each node of the segment. Counted so,
with 500 and 60, and with efforts of 1,200,000, 600,000 and 300,000 in place of those below, infineon_deeplabv3_mnv3
takes as long and as many bytes, but nxp_fastestdet_person_shufflenetv2 58,080 bytes (56,088) and
openmv_face_landmarks_192 79,716 (76,464). So the efforts are what a good plan takes, in steps that count a firing
too low.
"""
PARTITION_EFFORT = 400_000
"""Steps that one dynamic program fires, overhead included; then the best segments so far are taken.

Measured, pushed rows: without it and ORDER_EFFORT infineon_deeplabv3_mnv3 takes 48 s and 360,268 bytes, with them
11 s and 360,244; nxp_fastestdet_person_shufflenetv2 33 s and 9 s, 56,088 bytes each. 200,000 takes 8 s for both,
but 4 % more bytes for openmv_face_landmarks_192; 500,000 takes 12 s and 7 % more bytes for the first of them.
"""
ORDER_EFFORT = 200_000
"""The same where orders of the nodes are compared, for which the greatest peak is enough.

Measured: 50,000 takes 10 % more bytes for nxp_fastestdet_person_shufflenetv2.
"""
PEAK_EXPONENT = 4
"""Of partitions with equal greatest peak, that with the least sum of peak ** PEAK_EXPONENT is taken.

A high power prefers several low segments to a second high one; 1 would prefer few segments.
Measured: 1 takes 376 bytes more and 11.1 s.
"""
SUM_SHARE = 0.9
"""The search for cuts ends if that sum can at most become this share of what it is, and the greatest peak no less.

Measured on openmv_face_landmarks_192, input stored: 1 takes 2.5 times as long; no bytes differ by more than 0.1 %.
"""
MOVED_BY = (-1, 1, -2, 2, -3, 3)
"""By how many nodes the search moves a cut to find a better partition.

Measured: (-1, 1) saves 4 bytes and takes 9.1 s.
"""
SEARCH_EFFORT = 2400
"""Nodes that are laid out in the search for better cuts, over all candidates.

Measured: 0 takes 148 bytes more and 5.1 s; 9600 saves 4 bytes and takes 13.3 s.
"""
LINE_BUFFER_EFFORT = 10 * SEARCH_EFFORT
"""The same where line buffers are taken away from the plan of least memory."""
NEAR_LEAST = 1.05
"""The default plan may need this much more than the least that was found, and do less work for it.

Measured: 1.0 saves 392 bytes and takes 0.04 % more instructions; 1.1 takes 1,192 bytes more and 0.11 % fewer.
"""

# Shared ring buffers

MOST_IN_RING = 8
"""Tensors that share one ring buffer. Measured: 1 saves 388 bytes and takes 0.04 % more instructions."""
SLOT_TRIALS = 200
"""Slot offsets that are tried for the tensors of one ring buffer, before it counts as impossible."""

# Placement

QUICK_TRIALS = 50
"""Changes of the order of placement that are tried to compare candidates.

Measured: 0 takes 632 bytes more and 9.6 s.
"""
THOROUGH_TRIALS = 1500
"""The same for the candidate that is kept. Measured: 50 takes as many bytes and 9.8 s."""
MANY_STAGES = 100
"""A graph of more stages gets fewer trials, in proportion to the square of its size."""
WORTH_TRIALS = 1.08
"""A candidate whose first placements need more than this times the best arena so far gets no trials."""
MOVE_SHARE = 0.7
"""Share of changes that place one allocation earlier; the others exchange two."""
MOVE_TOP_SHARE = 0.5
"""Share of changes that place one earlier which reaches the arena's end."""

# Lower bound

BOUND_PEAKS = 8
"""Segments of a plan at whose peaks the least that must be alive is found.

Measured on twelve networks that branch: the bound is at most 8 % below that of six steps of every node.
"""
BOUND_EFFORT = 1_500_000
"""Nodes of networks that all rounds of their flows may visit.

Measured: about a CPU second. Without it ultraface_rfb_320 takes 7 s for 2 % more; all others take less than 1 s.
"""
FLOW_EFFORT = 400_000
"""The same for one network; where more would be needed, the bound is lower than it could be."""

# Estimated work

COPY_INSTRUCTIONS = 1
"""Executed instructions a byte of a row that is copied into a line buffer, rounded up."""
STEP_INSTRUCTIONS = 80
"""Executed instructions a step that the driver takes, finding the rows included."""

# Variants

MOST_WORK = 1.15
"""How many times the instructions of the fastest variant a smaller one may take if it recomputes nothing."""
CHANNEL_PARTS = (2, 4, 8)
"""Into how many parts of its channels a layer may be split."""
SEARCH_EVERY = 3
"""Changes of a variant after which its cuts are searched for again."""
RECOMPUTED_SHARES = (0.25, 0.5, 0.75)
"""Shares of the parts of a layer's channels that are recomputed before all are."""
SMALL_STEP = 0.02
"""A layer that costs less than this share of the MACs is recomputed in all of its parts at once."""
LAYERS_AHEAD = 3
"""Layers that are recomputed together if none alone lowers the peak."""
WORTH_RECOMPUTING = 0.95
"""Share of the live bytes at the peak to which recomputing those layers must bring it down."""
WORTH_COMPUTING_TWICE = 0.9
"""Share of the arena to which computing a gated tensor twice must come down to be chosen by default."""

# Weights in slow flash

CACHE_SHARE = 0.75
"""The share of a cache that weights may take in planning; code is read through it, too."""
CHANNEL_BYTES = 12
"""Bytes that a kernel stores beside the weights of a channel: where its sum starts, and its requantization."""
CYCLES_AN_INSTRUCTION = 1.4
"""Cycles that an estimated instruction counts beside those waited for weights."""
LONGEST_PIECE = 24
"""Stages that a piece of a cut segment has at most."""
LIMIT_STEP = 1.15
"""From one number of bytes in which pieces must fit to the next one that is tried."""
WORTH_BYTES = 0.97
"""The share of its cycles to which a plan must come down to be taken for one of fewer bytes."""
IN_TURN_SHARE = 1 / 8
"""The share of a board's first memory that the default plan may take for this, if it needs less otherwise.

Estimated for a Pico 2 with input stored: the DS-CNN takes 9.5 KB in place of 4.2 and a third of the time, ResNet8
19.3 KB in place of 12.5 and a third.
"""

# Estimates of `analyze`

FIRING_EFFORT = 100_000
"""Steps that are fired to find cuts, over all segments.

Measured: with 40,000, ultraface_rfb_320, whose schedule has 24,000, was said to need 319,916 bytes with its input
stored, of which a plan takes 253,964; with 100,000 it is 256,052.
"""
PLACED_STEPS = 50_000
"""Schedules of up to so many steps are placed; of longer ones only the live bytes are counted.

Measured: one of 24,000 steps is placed in 0.03 s. With 4,000, openmv_face_landmarks_192 and emza_ssd_slim_120x160
were said to fit, with pushed rows, 61,048 and 27,277 bytes, of which a plan takes 76,464 and 29,712.
"""
PLACING_LOSS = 1.03
"""How many times the live bytes an arena may take where placement was not tried."""
RECOMPUTING_STEPS = 12_000
"""Steps in all schedules that are fired to estimate variants which recompute more and more."""
MOST_RECOMPUTED = 6
"""Layers that such a variant recomputes."""
SMALLEST_INPUT = 0.4
"""An input below this share of the model's own is not proposed."""
SIZES_TRIED = 3
"""Input sizes that are tried."""
SMALLEST_WIDTH = 0.2
"""A share of channels below this is not proposed."""
