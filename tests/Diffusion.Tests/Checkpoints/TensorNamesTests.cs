using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Tests.Model;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class TensorNamesTests
{
    [Fact]
    public void LLaDA_8B_has_291_tensors_of_the_shapes_it_was_published_with()
    {
        var shapes = ParameterShapes.Of(LLaDAConfigTests.LLaDA8B);

        var byName = shapes.ToDictionary(entry => TensorNames.LLaDA(entry.Key), entry => entry.Value);
        Assert.Equal(291, byName.Count);
        Assert.Equal([126_464, 4096], byName["model.transformer.wte.weight"]);
        Assert.Equal([4096], byName["model.transformer.ln_f.weight"]);
        Assert.Equal([126_464, 4096], byName["model.transformer.ff_out.weight"]);
        Assert.Equal([12_288, 4096], byName["model.transformer.blocks.31.ff_proj.weight"]);
        Assert.Equal([12_288, 4096], byName["model.transformer.blocks.31.up_proj.weight"]);
        Assert.Equal([4096, 12_288], byName["model.transformer.blocks.31.ff_out.weight"]);
        foreach (string part in new[] { "q_proj", "k_proj", "v_proj", "attn_out" })
            Assert.Equal([4096, 4096], byName[$"model.transformer.blocks.0.{part}.weight"]);
        foreach (string part in new[] { "attn_norm", "ff_norm" })
            Assert.Equal([4096], byName[$"model.transformer.blocks.0.{part}.weight"]);
    }

    [Fact]
    public void Both_dialects_give_every_parameter_a_name_of_its_own()
    {
        var parameters = ParameterShapes.Of(LLaDAConfigTests.LLaDA8B with { HasQkvBias = true }).Keys.ToList();

        Assert.Equal(291 + (3 * 32), parameters.Count);
        Assert.Equal(parameters.Count, parameters.Select(TensorNames.LLaDA).Distinct().Count());
        Assert.Equal(parameters.Count, parameters.Select(TensorNames.Llama).Distinct().Count());
        Assert.Empty(parameters.Select(TensorNames.LLaDA).Intersect(parameters.Select(TensorNames.Llama)));
    }

    [Theory]
    [InlineData("wte.weight", "model.embed_tokens.weight")]
    [InlineData("ln_f.weight", "model.norm.weight")]
    [InlineData("ff_out.weight", "lm_head.weight")]
    [InlineData("blocks.12.attn_norm.weight", "model.layers.12.input_layernorm.weight")]
    [InlineData("blocks.12.q_proj.bias", "model.layers.12.self_attn.q_proj.bias")]
    [InlineData("blocks.12.attn_out.weight", "model.layers.12.self_attn.o_proj.weight")]
    [InlineData("blocks.12.ff_norm.weight", "model.layers.12.post_attention_layernorm.weight")]
    [InlineData("blocks.12.ff_proj.weight", "model.layers.12.mlp.gate_proj.weight")]
    [InlineData("blocks.12.up_proj.weight", "model.layers.12.mlp.up_proj.weight")]
    [InlineData("blocks.12.ff_out.weight", "model.layers.12.mlp.down_proj.weight")]
    public void Llama_name_says_which_part_it_is(string parameter, string name) => Assert.Equal(name, TensorNames.Llama(parameter));

    [Fact]
    public void Unknown_parameter_has_no_name() =>
        Assert.Throws<ArgumentException>("parameter", () => TensorNames.Llama("blocks.0.q_proj.scale"));
}
