"""What one command does from beginning to end, as a generator of events.

Reading order: `film`, `pictures`, `batch`, `ray_batch`, `plan_file`, `stills`, `preview`,
`sidecar`.
"""
