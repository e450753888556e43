"""A Ray cluster of two nodes on this machine: prints its address and the process number of its
second node as JSON, and ends when standard input does.
"""

import json
import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

if __name__ == "__main__":
    size = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=size)
    second = cluster.add_node(wait=True, **size)
    facts = {"address": cluster.address, "second": second.all_processes["raylet"][0].process.pid}
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()
