// The bugs that are planted in this program's copy of the core (bugs.py, plant.py). One is switched on, or none.
#pragma once

#include <string>
#include <vector>

// Read by the planted copies of core files: 0 for none, else a bug's place in planted_bugs(), from 1. Set before a run.
extern int sluice_planted;

namespace sluice::simtest {

struct PlantedBug {
  std::string name;
  std::string what;
};
// In the order of their numbers.
const std::vector<PlantedBug>& planted_bugs();

}  // namespace sluice::simtest
