// Largest and mean values of windows, each row sorted with its places, and a running sum in a loop.
module @pooling_sort {
  func.func @main(%x: tensor<1x8x8x4xf32>) -> (tensor<1x4x4x4xf32>, tensor<1x4x4x4xf32>, tensor<16x4xf32>, tensor<16x4xi32>, tensor<16x4xf32>) {
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %lowest = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %quarter = stablehlo.constant dense<0.25> : tensor<1x4x4x4xf32>
    %largest = "stablehlo.reduce_window"(%x, %lowest) <{window_dimensions = array<i64: 1, 2, 2, 1>, window_strides = array<i64: 1, 2, 2, 1>}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %c = stablehlo.maximum %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }) : (tensor<1x8x8x4xf32>, tensor<f32>) -> tensor<1x4x4x4xf32>
    %sum = "stablehlo.reduce_window"(%x, %zero) <{window_dimensions = array<i64: 1, 2, 2, 1>, window_strides = array<i64: 1, 2, 2, 1>}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %c = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }) : (tensor<1x8x8x4xf32>, tensor<f32>) -> tensor<1x4x4x4xf32>
    %mean = stablehlo.multiply %sum, %quarter : tensor<1x4x4x4xf32>
    %rows = stablehlo.reshape %mean : (tensor<1x4x4x4xf32>) -> tensor<16x4xf32>
    %places = stablehlo.iota dim = 1 : tensor<16x4xi32>
    %sorted:2 = "stablehlo.sort"(%rows, %places) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>, %i: tensor<i32>, %j: tensor<i32>):
      %less = stablehlo.compare LT, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %less : tensor<i1>
    }) : (tensor<16x4xf32>, tensor<16x4xi32>) -> (tensor<16x4xf32>, tensor<16x4xi32>)
    %begin = stablehlo.constant dense<0> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %end = stablehlo.constant dense<3> : tensor<i32>
    %last:2 = stablehlo.while(%n = %begin, %value = %rows) : tensor<i32>, tensor<16x4xf32>
    cond {
      %more = stablehlo.compare LT, %n, %end, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %more : tensor<i1>
    } do {
      %next = stablehlo.add %n, %one : tensor<i32>
      %added = stablehlo.add %value, %sorted#0 : tensor<16x4xf32>
      stablehlo.return %next, %added : tensor<i32>, tensor<16x4xf32>
    }
    return %largest, %mean, %sorted#0, %sorted#1, %last#1 : tensor<1x4x4x4xf32>, tensor<1x4x4x4xf32>, tensor<16x4xf32>, tensor<16x4xi32>, tensor<16x4xf32>
  }
}
