"""Op by op after the run: journals of operations joined with the report, and what its writers ask of them."""
