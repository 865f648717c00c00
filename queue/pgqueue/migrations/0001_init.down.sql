DROP TABLE dedup, dead_letter, message, queue;
