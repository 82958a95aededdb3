# lutra_onnx_proto: the protobuf classes of ONNX files, under the one name that its package's
# versions do not share (onnx_proto before 1.16, ONNX::onnx_proto since).
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED)
add_library(lutra_onnx_proto INTERFACE)
if(TARGET ONNX::onnx_proto)
  target_link_libraries(lutra_onnx_proto INTERFACE ONNX::onnx_proto)
else()
  target_link_libraries(lutra_onnx_proto INTERFACE onnx_proto)
endif()
