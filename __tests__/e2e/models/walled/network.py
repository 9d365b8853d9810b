"""Trains a small network with the workers of a DataLoader, which share memory in /dev/shm."""

import getpass

import torch
from torch.utils.data import DataLoader, TensorDataset


def main():
    torch.manual_seed(0)
    x = torch.randn(512, 8)
    y = x.sum(dim=1, keepdim=True)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, num_workers=2)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(10):
        for inputs, targets in loader:
            loss = torch.nn.functional.mse_loss(network(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    print(getpass.getuser(), "learned" if losses[-1] < losses[0] / 5 else losses)


if __name__ == "__main__":
    main()
