"""What a channel responds to: images optimised to maximise it, tuning curves, top patches."""
