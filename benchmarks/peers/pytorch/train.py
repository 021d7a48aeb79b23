"""programs/train.mjs in PyTorch: trains the seed network for some steps in a process of its own."""

import json
import resource
import sys

import torch
import torch.nn as nn

steps, batch, threads = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4])
torch.set_num_threads(threads)
model = nn.Sequential(
    nn.Conv2d(1, 64, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    nn.Conv2d(64, 32, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(512, 10),
)  # fmt: skip
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=float(sys.argv[3]))
images, labels = torch.rand(batch, 1, 28, 28), torch.randint(0, 10, (batch,))

for _ in range(steps):
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()
print(json.dumps({"resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
