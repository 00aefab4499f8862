using System.Text.Json;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Tests.Wire;

/// <summary>The strict reader of properties: paths, null, whole numbers, and what no reader asked for.</summary>
public sealed class JsonReaderTests
{
    [Theory]
    [InlineData("4", 4)]
    [InlineData("4.0", 4)]
    [InlineData("4e0", 4)]
    [InlineData("40e-1", 4)]
    [InlineData("-0.0", 0)]
    [InlineData("4.5", null)]
    [InlineData("\"4\"", null)]
    [InlineData("true", null)]
    [InlineData("1e40", null)]
    [InlineData("2147483648.0", null)]
    public void A_whole_number_may_have_a_fraction_of_zero(string number, int? expected)
    {
        var reader = NewReader($$"""{"a":{{number}}}""");

        if (expected is not null)
            Assert.Equal(expected, reader.Integer("a"));
        else
            Assert.Equal("a", Assert.Throws<FaultException>(() => reader.Integer("a")).Path);
    }

    [Fact]
    public void A_fault_names_the_whole_path_and_the_rule()
    {
        var inner = NewReader("""{"a":{"b":{"c":5,"d":1}}}""").Object("a")!.Object("b")!;

        Assert.Equal(("a.b.c must be a string", "a.b.c", null), Of(() => inner.Text("c")));
        Assert.Equal(("a.b.x is required and must be a string", "a.b.x", "missing_required_parameter"), Of(() => inner.Text("x")));
        Assert.Equal(("a.b.c must be a whole number from 6 to 9", "a.b.c", null), Of(() => inner.Integer("c", 6, 9)));
        Assert.Equal(("a.b.c must be true or false", "a.b.c", null), Of(() => inner.Flag("c")));
        Assert.Equal(("Unknown parameter: a.b.d", "a.b.d", "unknown_parameter"), Of(inner.RequireNothingElse));
    }

    [Fact]
    public void Null_is_absent_and_asks_for_nothing()
    {
        var reader = NewReader("""{"a":null,"b":null,"c":null,"d":null,"e":null,"unknown":null}""");

        Assert.Null(reader.OptionalText("a"));
        Assert.Null(reader.Integer("b"));
        Assert.Null(reader.Number("c"));
        Assert.Null(reader.Flag("d"));
        Assert.Null(reader.Object("e"));
        reader.RequireNothingElse();
    }

    [Fact]
    public void An_enum_is_read_by_its_name_on_the_wire()
    {
        string[] names = [.. WireNames.All<ModelState>()];

        foreach (string name in names)
            Assert.Equal(name, NewReader($$"""{"a":"{{name}}"}""").Choice<ModelState>("a")!.Value.WireName());
        var (message, _, _) = Of(() => NewReader("""{"a":"other"}""").Choice<ModelState>("a"));
        Assert.Equal($"a must be {string.Join(" or ", names.Select(name => $"'{name}'"))}", message);
    }

    private static (string Message, string? Path, string? Code) Of(Action read)
    {
        var fault = Assert.Throws<FaultException>(read);
        return (fault.Message, fault.Path, fault.Code);
    }

    private static (string Message, string? Path, string? Code) Of(Func<object?> read) => Of(() => { _ = read(); });

    private static JsonReader NewReader(string json) =>
        new(JsonElement.Parse(json), (message, path, code) => new FaultException(message) { Path = path, Code = code });

    private sealed class FaultException(string message) : Exception(message)
    {
        public string? Path { get; init; }

        public string? Code { get; init; }
    }
}
