using System.Diagnostics;
using System.Text.Json;
using CsCheck;
using LLaDA.Diffusion.Checkpoints;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class SafetensorsFileTests
{
    public static TheoryData<ScalarType> Types =>
        [
            ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16,
            ScalarType.Int64, ScalarType.Int32, ScalarType.Byte, ScalarType.Bool,
        ];

    [Theory]
    [MemberData(nameof(Types))]
    public void What_is_written_is_read_back(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var (matrix, number, nothing) = (arange(24).reshape(2, 3, 4).to(type), tensor(1).to(type), empty([0, 3], type));
        SafetensorsWriter.Write(folder.File("w"), [("matrix", matrix), ("number", number), ("nothing", nothing)]);

        using var file = new SafetensorsFile(folder.File("w"));

        Assert.Equal(["matrix", "nothing", "number"], file.Tensors.Keys.Order());
        foreach (var (name, expected) in new[] { ("matrix", matrix), ("number", number), ("nothing", nothing) })
        {
            var read = file.Read(name);
            Assert.Equal(type, read.dtype);
            Assert.Equal(expected.shape, read.shape);
            Assert.True(read.equal(expected).all().item<bool>());
        }
    }

    /// <summary>More than is read, or converted, at a time.</summary>
    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float32)]
    public void A_large_tensor_is_read_into_memory_of_any_type(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var values = arange(4_500_007).remainder(251).view(1, -1).to(ScalarType.BFloat16);
        SafetensorsWriter.Write(folder.File("w"), [("large", values)]);
        var read = empty(values.shape, type);

        using var file = new SafetensorsFile(folder.File("w"));
        file.CopyTo("large", read);

        Assert.True(read.equal(values.to(type)).all().item<bool>());
    }

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float32)]
    public void A_file_that_is_shortened_while_it_is_open_is_refused(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder.File("w"), [("large", zeros(4_500_000, ScalarType.BFloat16))]);
        using var file = new SafetensorsFile(folder.File("w"));
        // By another program: .NET would respect the open file.
        using (var truncate = Process.Start("truncate", ["--size=8500000", folder.File("w")]))
            truncate.WaitForExit();

        var refused = Assert.Throws<CheckpointException>(() => file.CopyTo("large", empty(4_500_000, type)));

        Assert.Contains("ended while it was read", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_of_a_tensor_are_its_numbers_little_endian_row_by_row()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        string path = RawSafetensors.Write(folder, """{"t":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]}}""", 8);

        using var file = new SafetensorsFile(path);

        Assert.Equal([0x03020100, 0x07060504], file.Read("t").data<int>().ToArray());
    }

    [Fact]
    public void Tensors_are_read_in_any_order_from_where_their_offsets_point()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        string path = RawSafetensors.Write(
            folder,
            """
            {"__metadata__":{"a":"b"},"late":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},
             "early":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}
            """,
            3);

        using var file = new SafetensorsFile(path);

        Assert.Equal<byte>([2], file.Read("late").data<byte>().ToArray());
        Assert.Equal<byte>([0, 1], file.Read("early").data<byte>().ToArray());
    }

    [Fact]
    public void Header_is_padded_so_that_the_numbers_are_aligned() =>
        Gen.String[Gen.Char['a', 'z'], 1, 20].Sample(name =>
        {
            using var scope = NewDisposeScope();
            using var folder = new TemporaryFolder();
            SafetensorsWriter.Write(folder.File("w"), [(name, ones(2, ScalarType.Float64))]);
            using var file = new SafetensorsFile(folder.File("w"));
            Assert.Equal(0, file.Tensors[name].Offset % 8);
        }, iter: 30, threads: 1);

    [Fact]
    public void Views_are_written_as_they_are_seen()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var view = arange(12).reshape(3, 4).transpose(0, 1).narrow(0, 1, 2);
        SafetensorsWriter.Write(folder.File("w"), [("view", view)]);

        using var file = new SafetensorsFile(folder.File("w"));

        TensorAssert.Equal(view, file.Read("view"));
    }

    [Fact]
    public void Copy_converts_the_type_and_refuses_another_shape()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder.File("w"), [("t", tensor(new[] { 1f, 2.5f }))]);
        using var file = new SafetensorsFile(folder.File("w"));

        var destination = zeros(2, ScalarType.BFloat16);
        file.CopyTo("t", destination);

        TensorAssert.Equal(tensor(new[] { 1f, 2.5f }), destination);
        Assert.Throws<ArgumentException>("destination", () => file.CopyTo("t", zeros(1, 2)));
    }

    [Fact]
    public void Failed_write_leaves_the_old_file()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder.File("w"), [("t", ones(2))]);
        byte[] before = File.ReadAllBytes(folder.File("w"));

        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(folder.File("w"), [("same", zeros(1)), ("same", zeros(1))]));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => SafetensorsWriter.Write(folder.File("w"), [("t", zeros(2, ScalarType.ComplexFloat32))]));

        Assert.Equal(before, File.ReadAllBytes(folder.File("w")));
    }

    [Fact]
    public void Header_is_plain_json_with_the_format_that_transformers_asks_for()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder.File("w"), [("t", zeros(3, 2))], ScalarType.BFloat16);

        byte[] bytes = File.ReadAllBytes(folder.File("w"));
        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToUInt64(bytes)));

        Assert.Equal("pt", header.RootElement.GetProperty("__metadata__").GetProperty("format").GetString());
        Assert.Equal("""{"dtype":"BF16","shape":[3,2],"data_offsets":[0,12]}""", header.RootElement.GetProperty("t").GetRawText());
    }
}
