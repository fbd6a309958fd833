"""What is known of a graph for every input: intervals of codes and sums, live channels, pipeline breakers."""
