// Answers requests with TensorFlow's own loader, which TensorFlow Serving uses.
//
//   serve MODEL < requests > answers
//
// A request is a line "run SIGNATURE OUTPUT" after lines "TYPE INPUT VALUES…",
// the values of strings in hexadecimal digits, "-" for an empty one. The answer
// is a line of the output's values.

#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/public/session.h"
#include "tensorflow/core/public/session_options.h"

namespace tf = tensorflow;

std::string FromHex(const std::string& digits) {
  std::string bytes;
  if (digits == "-") return bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(
        static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string ToHex(const tf::tstring& bytes) {
  const char* digits = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : bytes) {
    hex.push_back(digits[byte >> 4]);
    hex.push_back(digits[byte & 15]);
  }
  return hex;
}

template <typename T>
tf::Tensor Column(tf::DataType type, const std::vector<std::string>& values,
                  T (*read)(const std::string&)) {
  tf::Tensor tensor(type,
                    tf::TensorShape({static_cast<int64_t>(values.size())}));
  for (size_t i = 0; i < values.size(); ++i)
    tensor.vec<T>()(i) = read(values[i]);
  return tensor;
}

tf::Tensor Read(const std::string& type,
                const std::vector<std::string>& values) {
  if (type == "string")
    return Column<tf::tstring>(
        tf::DT_STRING, values,
        [](const std::string& x) { return tf::tstring(FromHex(x)); });
  if (type == "int32")
    return Column<int32_t>(tf::DT_INT32, values, [](const std::string& x) {
      return static_cast<int32_t>(std::stol(x));
    });
  return Column<float>(tf::DT_FLOAT, values,
                       [](const std::string& x) { return std::stof(x); });
}

int main(int argc, char** argv) {
  tf::SavedModelBundle bundle;
  tf::SessionOptions options;
  tf::Status status = tf::LoadSavedModel(options, tf::RunOptions(), argv[1],
                                         {"serve"}, &bundle);
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  std::vector<std::pair<std::string, tf::Tensor>> given;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string type, name, output;
    words >> type >> name;
    if (type != "run") {
      std::vector<std::string> values;
      for (std::string value; words >> value;) values.push_back(value);
      given.emplace_back(name, Read(type, values));
      continue;
    }
    words >> output;
    const auto& signature = bundle.GetSignatures().at(name);
    std::vector<std::pair<std::string, tf::Tensor>> inputs;
    for (const auto& pair : given)
      inputs.emplace_back(signature.inputs().at(pair.first).name(),
                          pair.second);
    std::vector<tf::Tensor> outputs;
    status = bundle.GetSession()->Run(
        inputs, {signature.outputs().at(output).name()}, {}, &outputs);
    if (status.ok()) {
      for (int64_t i = 0; i < outputs[0].NumElements(); ++i)
        std::cout << ToHex(outputs[0].flat<tf::tstring>()(i)) << " ";
    } else {
      std::cout << "error";
    }
    std::cout << std::endl;
    given.clear();
  }
  return 0;
}
