#include "Arrays.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "openmm/OpenMMException.h"

using namespace OpenMM;

namespace ThermalNet {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encoded(const std::vector<unsigned char>& bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t group = bytes[i] << 16;
        if (i + 1 < bytes.size()) group |= bytes[i + 1] << 8;
        if (i + 2 < bytes.size()) group |= bytes[i + 2];
        text += kDigits[group >> 18];
        text += kDigits[group >> 12 & 63];
        text += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
        text += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
    }
    return text;
}

bool decode(const std::string& text, std::vector<unsigned char>& bytes) {
    std::array<int, 256> values;
    values.fill(-1);
    for (int i = 0; i < 64; i++) values[static_cast<unsigned char>(kDigits[i])] = i;
    uint32_t group = 0;
    int bits = 0;
    size_t end = text.size();
    while (end > 0 && text[end - 1] == '=') end--;
    for (size_t i = 0; i < end; i++) {
        const int value = values[static_cast<unsigned char>(text[i])];
        if (value < 0) return false;
        group = group << 6 | static_cast<uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<unsigned char>(group >> bits));
        }
    }
    return true;
}

uint32_t checksum(const std::vector<unsigned char>& bytes) {
    uint32_t crc = 0xFFFFFFFFu;
    for (unsigned char byte : bytes) {
        crc ^= byte;
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/** The bytes of numbers, the lowest first. */
template <class Number, class Bits>
void append(std::vector<unsigned char>& bytes, Number number) {
    Bits word;
    std::memcpy(&word, &number, sizeof(word));
    for (size_t k = 0; k < sizeof(word); k++)
        bytes.push_back(static_cast<unsigned char>(word >> 8 * k));
}

template <class Number, class Bits>
double number(const unsigned char* bytes) {
    Bits word = 0;
    for (size_t k = 0; k < sizeof(word); k++) word |= static_cast<Bits>(bytes[k]) << 8 * k;
    Number number;
    std::memcpy(&number, &word, sizeof(number));
    return number;
}

}  // namespace

void writeArray(SerializationNode& node, const std::string& name,
                const std::vector<double>& numbers) {
    bool isSingle = true;
    for (double x : numbers) isSingle = isSingle && static_cast<double>(static_cast<float>(x)) == x;
    std::vector<unsigned char> bytes;
    bytes.reserve(numbers.size() * (isSingle ? 4 : 8));
    for (double x : numbers) {
        if (isSingle)
            append<float, uint32_t>(bytes, static_cast<float>(x));
        else
            append<double, uint64_t>(bytes, x);
    }
    SerializationNode& child = node.createChildNode(name);
    child.setLongProperty("count", static_cast<long long>(numbers.size()));
    child.setStringProperty("type", isSingle ? "float32" : "float64");
    child.setLongProperty("crc32", checksum(bytes));
    child.setStringProperty("base64", encoded(bytes));
}

std::vector<double> readArray(const SerializationNode& node, const std::string& name) {
    const SerializationNode& child = node.getChildNode(name);
    const long long count = child.getLongProperty("count");
    const std::string type = child.getStringProperty("type");
    const size_t size = type == "float32" ? 4 : 8;
    std::vector<unsigned char> bytes;
    const bool whole = (type == "float32" || type == "float64") && count >= 0 &&
                       decode(child.getStringProperty("base64"), bytes) &&
                       bytes.size() == size * static_cast<size_t>(count) &&
                       checksum(bytes) == child.getLongProperty("crc32");
    if (!whole)
        throw OpenMMException("NetworkForce: the array " + name +
                              " is damaged; make the System again from its dataset");
    std::vector<double> numbers;
    numbers.reserve(static_cast<size_t>(count));
    for (long long i = 0; i < count; i++)
        numbers.push_back(size == 4 ? number<float, uint32_t>(&bytes[4 * i])
                                    : number<double, uint64_t>(&bytes[8 * i]));
    return numbers;
}

}  // namespace ThermalNet
