using LLaDA.Diffusion.Sampling;
using TorchSharp;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class TokenSetTests
{
    [Fact]
    public void Tensor_is_made_once_for_a_device()
    {
        using var set = new TokenSet([3, 1, 3]);

        var tensor = set.On(torch.CPU);

        Assert.Same(tensor, set.On(torch.device("cpu")));
        Assert.Equal([1L, 3], tensor.data<long>());
    }
}
