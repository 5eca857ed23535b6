// The bugs that are planted in this program's copy of the core (bugs.py, plant.py). At most one is switched on.
#pragma once

#include <string>
#include <vector>

// Read by the planted copies of core files: 0: none; else the number of a bug in planted_bugs(), from 1. Set it before
// a run.
extern int sluice_planted;

namespace sluice::simtest {

struct PlantedBug {
  std::string name;
  std::string what;
};
// In the order of their numbers.
const std::vector<PlantedBug>& planted_bugs();

}  // namespace sluice::simtest
