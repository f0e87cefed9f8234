"""What goes over the wire and into stores: the typed words that client, scheduler, worker and child share."""
