using LLaDA.Batch.Functions.Api;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Hosting.Local;
using LLaDA.Batch.Shared.Storage;

var builder = WebApplication.CreateBuilder(args);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = FileUpload.MaxRequestBytes);
builder.Services.AddFunctions(builder.Configuration);
builder.Services.AddHostedService<Triggers>();

var app = builder.Build();
await app.Services.GetRequiredService<StorageAccount>().EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
var api = RestApi.Build(app.Services);
app.Run(context => api(context));
await app.RunAsync();
