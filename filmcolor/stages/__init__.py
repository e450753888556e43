"""One file a stage on the way of a frame from luma to colour; none knows files, plans or leases."""
