"""THE ENTRANCE: finds the rooms, wherever this project is installed, and starts their programs."""
