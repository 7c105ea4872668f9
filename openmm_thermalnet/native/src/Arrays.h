#ifndef THERMALNET_ARRAYS_H_
#define THERMALNET_ARRAYS_H_

#include <string>
#include <vector>

#include "openmm/serialization/SerializationNode.h"

namespace ThermalNet {

/** Add a child that holds numbers: their count, type, checksum (CRC-32) and bytes in base64. */
void writeArray(OpenMM::SerializationNode& node, const std::string& name,
                const std::vector<double>& numbers);

/** Read what writeArray wrote; throw an OpenMMException of one line if it is damaged. */
std::vector<double> readArray(const OpenMM::SerializationNode& node, const std::string& name);

}  // namespace ThermalNet

#endif
