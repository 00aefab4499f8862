using TorchSharp;

namespace LLaDA.Diffusion.Tests;

public sealed class GoldenForwardTests
{
    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Logits_equal_the_references(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        var logits = model.call(golden["forward.input_ids"]);
        var expected = golden["forward.logits"];

        Assert.Equal(expected.shape, logits.shape);
        Assert.InRange((logits - expected).abs().max().item<float>(), 0, 2e-4f);
    }
}
