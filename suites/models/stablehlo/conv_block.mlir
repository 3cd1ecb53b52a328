// A convolution, batch normalisation with stored statistics, a ReLU, and a depthwise convolution with stride 2.
module @conv_block {
  func.func @main(%x: tensor<2x14x14x3xf32>, %kernel: tensor<3x3x3x8xf32>, %depthwise: tensor<3x3x1x8xf32>) -> tensor<2x7x7x8xf32> {
    %scale = stablehlo.constant dense<[1.0, 0.5, -1.5, 2.0, 0.25, 1.25, -0.75, 1.0]> : tensor<8xf32>
    %offset = stablehlo.constant dense<[0.0, 0.1, -0.2, 0.3, 0.0, -0.1, 0.2, 0.5]> : tensor<8xf32>
    %mean = stablehlo.constant dense<[0.1, -0.3, 0.2, 0.0, 0.4, -0.2, 0.3, 0.1]> : tensor<8xf32>
    %variance = stablehlo.constant dense<[1.0, 2.0, 0.5, 4.0, 1.5, 3.0, 2.5, 0.75]> : tensor<8xf32>
    %zeros = stablehlo.constant dense<0.0> : tensor<2x14x14x8xf32>
    %0 = stablehlo.convolution(%x, %kernel) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [1, 1], pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x14x14x3xf32>, tensor<3x3x3x8xf32>) -> tensor<2x14x14x8xf32>
    %1 = "stablehlo.batch_norm_inference"(%0, %scale, %offset, %mean, %variance) <{epsilon = 1.0e-5 : f32, feature_index = 3 : i64}> : (tensor<2x14x14x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x14x14x8xf32>
    %2 = stablehlo.maximum %1, %zeros : tensor<2x14x14x8xf32>
    %3 = stablehlo.convolution(%2, %depthwise) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 2], pad = [[0, 1], [0, 1]]} {batch_group_count = 1 : i64, feature_group_count = 8 : i64} : (tensor<2x14x14x8xf32>, tensor<3x3x1x8xf32>) -> tensor<2x7x7x8xf32>
    return %3 : tensor<2x7x7x8xf32>
  }
}
