"""Studies: questions beside the record, each answered by training models anew."""
