"""Real pictures, clips and sounds, made on the spot."""
