"""What is trained: backbones of one grey channel, their heads and the weights they start from."""
